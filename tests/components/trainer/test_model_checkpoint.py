"""Which epoch a checkpoint holds where not all of them can be compared."""

import keras
import numpy as np

from components.trainer.callbacks import ModelCheckpoint


def test_a_checkpoint_is_of_the_best_epoch_among_those_that_can_be_compared(tmp_path):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    path = tmp_path / "best.weights.h5"
    checkpoint = ModelCheckpoint(
        filepath=path,
        monitor="loss",
        mode="min",
        save_best_only=True,
        save_weights_only=True,
        start_from_epoch=1,
    )
    checkpoint.set_model(model)
    for epoch, loss in enumerate([0.1, 0.4, 0.3, 0.5]):
        model.set_weights([np.array([[epoch]], np.float32)])
        checkpoint.on_epoch_end(epoch, {"loss": loss})
    model.load_weights(path)
    assert model.get_weights()[0].item() == 2.0
