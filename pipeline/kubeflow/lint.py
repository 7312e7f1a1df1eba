"""Finds in a compiled pipeline what a cluster would refuse, or run in another way than meant.

The hazards are those of TFX's specifications on open-source KFP, as told in tensorflow/tfx#6146,
tfx#7765 and tfx#7768, in kubeflow/pipelines#13476 and #11607, and in sky-uk/kfp-operator#1248, and
as read in the sources of KFP 2.17 (backend/src/v2: the Argo compiler, the driver, the launcher).
"""

from pipeline.kubeflow.document import PipelineDocument
from pipeline.kubeflow.finding import Finding
from pipeline.kubeflow.rules import code, hazards, names, references, schema, storage

RULES = (
    schema.check_schema,
    hazards.check_schema_version,
    hazards.check_executors,
    hazards.check_conditions,
    hazards.check_defaults,
    hazards.check_lifecycle,
    hazards.check_caching,
    hazards.check_entrypoint,
    names.check_names,
    names.check_images,
    names.check_resources,
    names.check_environment,
    names.check_platform_names,
    references.check_inputs,
    references.check_placeholders,
    references.check_order,
    references.check_platform_references,
    storage.check_pipeline_root,
    storage.check_host_paths,
    storage.check_volumes,
    storage.check_platform_steps,
    storage.check_secrets,
)

# They import what the pipeline names, and so TFX: seconds.
IMPORT_RULES = (
    code.check_artifact_types,
    code.check_executor_classes,
    code.check_run_fn,
)


def lint(
    document: PipelineDocument, importer: code.Importer | None = code.import_by_path
) -> list[Finding]:
    """Applies every rule.

    Args:
      document: the compiled pipeline.
      importer: imports by a dotted path; None leaves out the rules that import.

    Returns:
      The findings, errors first.
    """
    findings = [finding for rule in RULES for finding in rule(document)]
    if importer:
        findings += [finding for rule in IMPORT_RULES for finding in rule(document, importer)]
    return sorted(findings, key=lambda finding: finding.severity)
