"""A loaded version of a model, which embeds the images of many requests together."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import tensorflow as tf

from biometrics.thresholds.pack import ThresholdPack
from groundfloor.errors import UserError
from serving.choice import ChosenModel
from serving.comparison import SeenImage
from serving.embedder import Embedder
from serving.preparation import require_embedding
from serving.service.batching import Batcher
from serving.service.metrics import Metrics
from serving.service.refusals import Refusal
from serving.service.settings import ServiceSettings


class ServedModel:
    """Decodes on some threads, and embeds on one, in batches.

    Args:
      chosen: where it is, and what vouches for it.
      settings: how many images at a time.
      metrics: is told of each batch.

    Raises:
      UserError: it cannot be loaded.
    """

    def __init__(self, chosen: ChosenModel, settings: ServiceSettings, metrics: Metrics):
        self.chosen = chosen
        self.embedder = Embedder(chosen.path)
        self._metrics = metrics
        self._decoders = ThreadPoolExecutor(settings.threads, "decoding")
        self._dimensions = len(self._embed([np.zeros(self.embedder.input_shape, np.uint8)])[0])
        self._batcher: Batcher[np.ndarray, np.ndarray] = Batcher(
            self._embed, settings.max_batch, settings.max_wait, settings.workers
        )

    @property
    def version(self) -> str:
        """The name of its folder."""
        return self.chosen.path.name

    @property
    def pack(self) -> ThresholdPack | None:
        """Its thresholds, if it has any."""
        return self.chosen.pack

    @property
    def sha256(self) -> str:
        """What its thresholds say of its files; empty where nothing vouches for it."""
        return self.pack.model_sha256 if self.pack else ""

    @property
    def dimensions(self) -> int:
        """Of an embedding."""
        return self._dimensions

    @property
    def waiting(self) -> int:
        """Images that wait for the network."""
        return self._batcher.waiting

    async def see(
        self,
        files: Sequence[tuple[str, bytes]],
        landmarks: Sequence[Sequence[float] | None] | None = None,
    ) -> list[SeenImage | UserError]:
        """Image files as the model sees them; a `UserError` in the place of one that is refused.

        Args:
          files: of each, what to call it, and its content.
          landmarks: of each, see `Embedder.see`.
        """
        points = landmarks or [None] * len(files)
        seen = (self._see(*file, known) for file, known in zip(files, points, strict=True))
        return list(await asyncio.gather(*seen))

    async def see_all(
        self,
        files: Sequence[tuple[str, bytes]],
        landmarks: Sequence[Sequence[float] | None] | None = None,
    ) -> list[SeenImage]:
        """As `see`.

        Raises:
          Refusal: one of them is refused.
        """
        images = []
        for image in await self.see(files, landmarks):
            if isinstance(image, UserError):
                raise Refusal("image", str(image))
            images.append(image)
        return images

    async def embed_pixels(self, pixels: np.ndarray) -> np.ndarray:
        """The embeddings, float32 [N, D], of what the network sees, uint8 [N, H, W, C].

        Raises:
          Refusal: the model has no usable embedding of one of them.
        """
        futures = [self._batcher.submit(image) for image in pixels]
        embeddings = await asyncio.gather(*map(asyncio.wrap_future, futures))
        try:
            for row, embedding in enumerate(embeddings):
                require_embedding(f"pixels[{row}]", embedding)
        except UserError as error:
            raise Refusal("image", str(error)) from None
        return np.stack(embeddings)

    def close(self) -> None:
        """Answers what waits, and ends the threads."""
        self._decoders.shutdown()
        self._batcher.close()

    async def _see(
        self, name: str, content: bytes, landmarks: Sequence[float] | None
    ) -> SeenImage | UserError:
        loop = asyncio.get_running_loop()
        path = Path(name)
        try:
            with self._batcher.announced():
                prepared = await loop.run_in_executor(
                    self._decoders, self.embedder.prepare, path, content, landmarks
                )
                future = self._batcher.submit(prepared.pixels)
            embedding = await asyncio.wrap_future(future)
            require_embedding(path, embedding)
            return prepared.seen(embedding)
        except UserError as error:
            return error

    def _embed(self, batch: list[np.ndarray]) -> list[np.ndarray]:
        self._metrics.batch(len(batch))
        return [*self.embedder.embed_pixels(tf.constant(np.stack(batch)))]
