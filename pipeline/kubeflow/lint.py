"""Finds in a compiled pipeline what a cluster would refuse, or run in another way than meant.

The hazards are those of TFX's specifications on open-source KFP, as told in tensorflow/tfx#6146,
tfx#7765 and tfx#7768, in kubeflow/pipelines#13476 and #11607, and in sky-uk/kfp-operator#1248, and
as read in the sources of KFP 2.17 (backend/src/v2: the Argo compiler, the driver, the launcher).
"""

from pipeline.kubeflow.document import PipelineDocument
from pipeline.kubeflow.finding import Finding
from pipeline.kubeflow.rules import code as rules_code
from pipeline.kubeflow.rules import hazards as rules_hazards
from pipeline.kubeflow.rules import names as rules_names
from pipeline.kubeflow.rules import storage as rules_storage

RULES = (
    rules_hazards.check_schema_version,
    rules_hazards.check_executors,
    rules_hazards.check_conditions,
    rules_hazards.check_defaults,
    rules_hazards.check_lifecycle,
    rules_hazards.check_caching,
    rules_hazards.check_entrypoint,
    rules_names.check_names,
    rules_names.check_images,
    rules_names.check_resources,
    rules_names.check_platform_names,
    rules_storage.check_pipeline_root,
    rules_storage.check_host_paths,
    rules_storage.check_volumes,
    rules_storage.check_platform_steps,
    rules_storage.check_secrets,
)

# They import what the pipeline names, and so TFX: seconds.
IMPORT_RULES = (
    rules_code.check_artifact_types,
    rules_code.check_executor_classes,
    rules_code.check_run_fn,
)


def lint(
    document: PipelineDocument, importer: rules_code.Importer | None = rules_code.import_by_path
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
