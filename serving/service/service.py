"""What a running service has: settings, model, gallery, and whether it takes requests."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from groundfloor.errors import UserError
from serving.choice import ChosenModel, choose_model
from serving.gallery.gallery import Gallery
from serving.gallery.models import identity_of
from serving.service.metrics import Metrics
from serving.service.refusals import Refusal
from serving.service.served_model import ServedModel
from serving.service.settings import ServiceSettings
from serving.service.tokens import Tokens

LOG = logging.getLogger("arcface.service")

Result = TypeVar("Result")


@dataclass(frozen=True)
class Deployment:
    """What answers: a request keeps to the one that it began with.

    Attributes:
      model: the model.
      gallery: people, as it embeds them; None: there is no gallery.
    """

    model: ServedModel
    gallery: Gallery | None

    def close(self) -> None:
        """Answers what waits, and lets go of the file."""
        self.model.close()
        if self.gallery:
            self.gallery.close()


def deploy(chosen: ChosenModel, settings: ServiceSettings, metrics: Metrics) -> Deployment:
    """Loads a model, and opens the gallery with it.

    Raises:
      UserError: it cannot be loaded, or the gallery is of another model.
    """
    model = ServedModel(chosen, settings, metrics)
    if settings.gallery is None:
        return Deployment(model, None)
    try:
        identity = identity_of(chosen.path, model.embedder, model.pack)
        return Deployment(model, Gallery.open(settings.gallery, create_for=identity))
    except UserError:
        model.close()
        raise


class Service:
    """The parts that the routes share.

    Args:
      settings: how to answer.
      tokens: who may ask.
      deployment: what answers.
      metrics: what is counted.
    """

    def __init__(
        self, settings: ServiceSettings, tokens: Tokens, deployment: Deployment, metrics: Metrics
    ):
        self.settings = settings
        self.tokens = tokens
        self.metrics = metrics
        self.deployment = deployment
        self.in_flight = 0
        self.is_stopping = False
        # A thread of their own, so that searches and writes of the disk hold up no other request.
        self._gallery_thread = ThreadPoolExecutor(1, "gallery")
        metrics.watch(lambda: self.in_flight, lambda: self.model.waiting)
        metrics.serving(self.model.version, self.model.sha256)

    @property
    def model(self) -> ServedModel:
        """The model that answers."""
        return self.deployment.model

    @property
    def is_ready(self) -> bool:
        """Whether new requests are taken."""
        return not self.is_stopping

    async def ask(self, question: Callable[[Gallery], Result], deployment: Deployment) -> Result:
        """Asks the gallery of a deployment something, in its thread.

        Raises:
          Refusal: there is none.
        """
        gallery = deployment.gallery
        if gallery is None:
            raise Refusal("unknown", "this service has no gallery: start it with --gallery")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._gallery_thread, question, gallery)

    def say_model(self) -> None:
        """Logs which model answers, with the digits that a run prints when it pushes one."""
        vouched = self.model.pack.sha256[:12] if self.model.pack else "none"
        LOG.info("model %s, thresholds %s", self.model.chosen.path, vouched)

    async def reload(self) -> None:
        """Takes the newest complete version, if it is another; else says why the old one stays."""
        try:
            chosen = await asyncio.to_thread(
                choose_model, self.settings.model_dir, self.settings.trust_model
            )
            if chosen == self.model.chosen:
                LOG.info("model %s stays: it is the newest", self.model.version)
                return
            new = await asyncio.to_thread(deploy, chosen, self.settings, self.metrics)
        except UserError as error:
            LOG.error("model %s stays: %s", self.model.version, error)
            return
        former, self.deployment = self.deployment, new
        self.metrics.serving(self.model.version, self.model.sha256)
        self.say_model()
        await asyncio.sleep(self.settings.timeout)  # every request that took it has ended by then
        await asyncio.to_thread(former.close)

    def close(self) -> None:
        """Ends the threads, when no request is left."""
        self._gallery_thread.shutdown()
        self.deployment.close()
