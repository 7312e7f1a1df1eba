"""Which operations of a SavedModel touch files, or run other programs' code: read, never run."""

# Operations that read or write what their inputs name, whenever the graph is run; loading a
# SavedModel runs its initialisers. Those by which every model saves and restores its own variables
# (`SaveV2`, `RestoreV2`, `MergeV2Checkpoints`, `ShardedFilename`) are left out.
_OPERATIONS = (
    "CacheDataset",
    "CacheDatasetV2",
    "CreateSummaryDbWriter",
    "CreateSummaryFileWriter",
    "DatasetToTFRecord",
    "DebugIdentity",
    "DebugIdentityV2",
    "DebugIdentityV3",
    "DistributedSave",
    "EagerPyFunc",
    "ExperimentalDatasetToTFRecord",
    "FixedLengthRecordDataset",
    "FixedLengthRecordDatasetV2",
    "FixedLengthRecordReaderV2",
    "InitializeTableFromTextFile",
    "InitializeTableFromTextFileV2",
    "LMDBReader",
    "LoadAndRemapMatrix",
    "LoadDataset",
    "MatchingFiles",
    "MatchingFilesDataset",
    "PrintV2",
    "PyFunc",
    "PyFuncStateless",
    "ReadFile",
    "Restore",
    "RestoreSlice",
    "Save",
    "SaveDataset",
    "SaveDatasetV2",
    "SaveSlices",
    "SnapshotDataset",
    "SnapshotDatasetV2",
    "SqlDataset",
    "TFRecordDataset",
    "TFRecordDatasetV2",
    "TFRecordReaderV2",
    "TextLineDataset",
    "TextLineReaderV2",
    "WholeFileReaderV2",
    "WriteFile",
)

# The field `op` of the message NodeDef: number 2, of a kind that has its length before it.
_TAG = b"\x12"


def file_operations(saved_model: bytes) -> list[str]:
    """The names of such operations in the content of a saved_model.pb, sorted.

    They are found by the bytes that protobuf writes for them, so that neither TensorFlow nor the
    model is loaded. It is no proof that there are none: who means harm can write them otherwise.
    """
    return [
        name
        for name in _OPERATIONS
        if _TAG + bytes([len(name)]) + name.encode("ascii") in saved_model
    ]
