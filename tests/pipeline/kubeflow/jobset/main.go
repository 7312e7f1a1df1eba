// Prints the JobSet that Kubeflow Trainer makes of a TrainJob, by Trainer's own code.
//
// Standard input: two YAML documents, a TrainingRuntime and a TrainJob. What the API's types do not
// have is refused. Standard output: the JobSet as JSON. Its controller would create one Job for each
// replicatedJob, of which every pod gets an index.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	trainer "github.com/kubeflow/trainer/v2/pkg/apis/trainer/v1alpha1"
	"github.com/kubeflow/trainer/v2/pkg/runtime/core"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/yaml"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	jobset "sigs.k8s.io/jobset/api/jobset/v1alpha2"
	scheduling "sigs.k8s.io/scheduler-plugins/apis/scheduling/v1alpha1"
)

func main() {
	if err := run(context.Background(), os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, in io.Reader, out io.Writer) error {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		clientgoscheme.AddToScheme, trainer.AddToScheme, jobset.AddToScheme, scheduling.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			return err
		}
	}
	trainingRuntime, trainJob, err := read(scheme, in)
	if err != nil {
		return err
	}
	objects, err := objectsOf(ctx, scheme, trainingRuntime, trainJob)
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(objects)
}

// read decodes both documents, and takes no field twice and none that the types do not have.
func read(scheme *runtime.Scheme, in io.Reader) (*trainer.TrainingRuntime, *trainer.TrainJob, error) {
	decoder := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
	documents := yaml.NewYAMLReader(bufio.NewReader(in))
	trainingRuntime, trainJob := &trainer.TrainingRuntime{}, &trainer.TrainJob{}
	for _, object := range []runtime.Object{trainingRuntime, trainJob} {
		document, err := documents.Read()
		if err != nil {
			return nil, nil, err
		}
		if _, _, err := decoder.Decode(document, nil, object); err != nil {
			return nil, nil, err
		}
	}
	return trainingRuntime, trainJob, nil
}

// objectsOf has Trainer's runtime build what it would create in the cluster.
func objectsOf(
	ctx context.Context, scheme *runtime.Scheme, trainingRuntime *trainer.TrainingRuntime, trainJob *trainer.TrainJob,
) ([]any, error) {
	builder := fake.NewClientBuilder().WithScheme(scheme).WithObjects(trainingRuntime)
	made, err := core.NewTrainingRuntime(ctx, builder.Build(), ignoredIndex{})
	if err != nil {
		return nil, err
	}
	return made.NewObjects(ctx, trainJob)
}

// ignoredIndex takes indices that only a controller asks for.
type ignoredIndex struct{}

func (ignoredIndex) IndexField(context.Context, client.Object, string, client.IndexerFunc) error {
	return nil
}
