# Each target does all the set-up it needs. `make help` lists them.
.DEFAULT_GOAL := help
SETUP := .venv/.complete
PYTHON_IN_VENV := .venv/bin/python

.PHONY: help setup demo test test-fast test-containers test-engines test-trixie mutate lint format lock bench-orl bench-auto bench-evaluator bench-data bench-memory bench-models bench-serving bench-thresholds bench-training bench-verify bench-doctor bench-engines bench-search images sbom audit-dependencies clean

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1|/p' $(MAKEFILE_LIST) | column -t -s '|'

setup: $(SETUP)  ## make .venv complete; PYTHON=/path/to/python picks the interpreter

ifdef PYTHON
.PHONY: $(SETUP)  # a Python that is named may be another than that of .venv
endif
$(SETUP): requirements.lock pyproject.toml scripts/setup.sh
	@scripts/setup.sh

demo: $(SETUP)  ## train, evaluate, bless and push a model on the ORL faces
	@$(PYTHON_IN_VENV) -m pipeline.demo_data build/orl
	@$(PYTHON_IN_VENV) pipeline/run_local.py --config configs/demo.yaml

test: $(SETUP)  ## run every test, in two processes
	@$(PYTHON_IN_VENV) -m pytest -n 2 --dist loadfile

test-fast: $(SETUP)  ## run the tests that need neither TFX nor TensorFlow, in less than a minute
	@OPENBLAS_NUM_THREADS=1 $(PYTHON_IN_VENV) -m pytest -p tests.fast_tier

test-trixie:  ## run lint and every test on the second stack, in a Debian 13 root (needs root, debootstrap)
	@scripts/test_trixie.sh

test-containers: $(SETUP)  ## run the tests that need a container engine and the images
	@$(PYTHON_IN_VENV) -m pytest -m containers

test-engines: $(SETUP)  ## run the tests on Flink (installs it; needs Java 17 and Maven)
	@scripts/engines.sh
	@$(PYTHON_IN_VENV) -m pytest -m engines tests/engines

mutate: $(SETUP)  ## make small faults in what a change touches, and see which the tests miss; MUTATE="--number 50"
	@$(PYTHON_IN_VENV) scripts/mutate.py $(MUTATE)

lint: $(SETUP)  ## check the style and the types
	@.venv/bin/ruff check
	@.venv/bin/ruff format --check
	@$(PYTHON_IN_VENV) -m mypy

format: $(SETUP)  ## mend the style
	@.venv/bin/ruff check --fix
	@.venv/bin/ruff format

lock: $(SETUP)  ## compile the locks anew, for both stacks
	@scripts/lock.sh

bench-orl: $(SETUP)  ## five folds of the demo's recipe on ORL, beside the baselines
	@$(PYTHON_IN_VENV) -m pipeline.demo_data build/orl
	@$(PYTHON_IN_VENV) -m benchmarks.orl --data-dir build/orl

bench-auto: $(SETUP)  ## the recipe that follows the data, beside the demo's, on drawn identities
	@$(PYTHON_IN_VENV) -m benchmarks.auto

bench-evaluator: $(SETUP)  ## the evaluator's speed and memory, beside what else would do its work
	@$(PYTHON_IN_VENV) benchmarks/evaluator.py

bench-data: $(SETUP)  ## the speed of the data's steps and of the reader, beside the bound of each
	@$(PYTHON_IN_VENV) benchmarks/data.py

bench-memory: $(SETUP)  ## the peak memory of the data's steps for 2,000 to 100,000 images
	@$(PYTHON_IN_VENV) benchmarks/memory.py example_gen
	@$(PYTHON_IN_VENV) benchmarks/memory.py transform

bench-doctor: $(SETUP)  ## planted faults that the convergence doctor names, and false alarms
	@$(PYTHON_IN_VENV) -m pipeline.demo_data build/orl
	@$(PYTHON_IN_VENV) benchmarks/doctor.py --data-dir build/orl

bench-verify: $(SETUP)  ## what a verdict takes with an export and without, by the model of the demo
	@$(PYTHON_IN_VENV) benchmarks/verify.py --model-dir runs/demo/serving_model --data-dir build/orl

bench-training: $(SETUP)  ## the training's speed beside the bare compiled step
	@$(PYTHON_IN_VENV) benchmarks/training.py

bench-thresholds: $(SETUP)  ## by simulation, what the thresholds' promises are worth
	@OPENBLAS_NUM_THREADS=1 $(PYTHON_IN_VENV) benchmarks/thresholds.py

bench-engines: $(SETUP)  ## what Flink and Spark add to the data's steps, beside the local runner
	@scripts/engines.sh
	@$(PYTHON_IN_VENV) -m benchmarks.engines

bench-search: $(SETUP)  ## the gallery's search of a million people, beside the memory's bandwidth and faiss
	@$(PYTHON_IN_VENV) benchmarks/search.py

bench-models: $(SETUP)  ## each network's parameters and MACs beside the papers', and its speed; into docs/models.md
	@$(PYTHON_IN_VENV) benchmarks/models.py --write

bench-serving: $(SETUP)  ## the service's throughput and latency, beside the bare batched model
	@$(PYTHON_IN_VENV) -m benchmarks.service

images:  ## build the container images; BASE_IMAGE=, TENSORFLOW=cuda, IMAGE=, TAG= (docs/images.md)
	@scripts/build_images.sh

sbom: $(SETUP)  ## write the bill of materials of each image into build/sbom
	@$(PYTHON_IN_VENV) scripts/supply_chain.py sbom

audit-dependencies: $(SETUP)  ## whether anything in the images is vulnerable: asks the package index, or ADVISORIES=folder
	@$(PYTHON_IN_VENV) scripts/supply_chain.py audit $(ADVISORIES)

clean:  ## remove the virtual environment, the runs and all that was built
	rm -rf .venv build runs *.egg-info .hypothesis .mypy_cache .pytest_cache .ruff_cache
