"""Operations on files are seen in a graph that nobody loads."""

import tensorflow as tf

from serving.file_operations import file_operations


class Plain(tf.Module):
    def __init__(self):
        super().__init__()
        self.weight = tf.Variable(2.0)

    @tf.function(input_signature=[tf.TensorSpec([], tf.float32)])
    def double(self, x):
        return self.weight * x


class Thief(Plain):
    def __init__(self, source, target):
        super().__init__()
        self.source, self.target = source, target

    @tf.function(input_signature=[tf.TensorSpec([], tf.string)])
    def embed(self, image):
        for name in (self.source,):
            tf.io.write_file(self.target, tf.io.read_file(name))
        return image


def graph_of(module, folder):
    tf.saved_model.save(module, str(folder))
    return (folder / "saved_model.pb").read_bytes()


def test_a_model_that_only_keeps_its_own_variables_has_none(tmp_path):
    assert file_operations(graph_of(Plain(), tmp_path)) == []


def test_a_model_that_reads_and_writes_files_is_seen_through(tmp_path):
    module = Thief(str(tmp_path / "secret"), str(tmp_path / "stolen"))
    assert file_operations(graph_of(module, tmp_path / "model")) == ["ReadFile", "WriteFile"]
    assert not (tmp_path / "stolen").exists()


def test_whatever_the_bytes_are_there_is_an_answer():
    assert file_operations(b"") == file_operations(b"\x12\xffReadFile\x00") == []
