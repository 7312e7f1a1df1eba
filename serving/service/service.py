"""What a running service has: its settings, its model, and whether it takes requests."""

import asyncio
import logging

from groundfloor.errors import UserError
from serving.service.metrics import Metrics
from serving.service.served_model import ServedModel, load_model
from serving.service.settings import ServiceSettings
from serving.service.tokens import Tokens

LOG = logging.getLogger("arcface.service")


class Service:
    """The parts that the routes share.

    Args:
      settings: how to answer.
      tokens: who may ask.
      model: which model answers.
      metrics: what is counted.
    """

    def __init__(
        self, settings: ServiceSettings, tokens: Tokens, model: ServedModel, metrics: Metrics
    ):
        self.settings = settings
        self.tokens = tokens
        self.metrics = metrics
        self.model = model
        self.in_flight = 0
        self.is_stopping = False
        metrics.watch(lambda: self.in_flight, lambda: self.model.waiting)
        metrics.serving(model.version, model.sha256)

    @property
    def is_ready(self) -> bool:
        """Whether new requests are taken."""
        return not self.is_stopping

    def say_model(self) -> None:
        """Logs which model answers, with the digits that a run prints when it pushes one."""
        vouched = self.model.pack.sha256[:12] if self.model.pack else "none"
        LOG.info("model %s, thresholds %s", self.model.chosen.path, vouched)

    async def reload(self) -> None:
        """Takes the newest complete version, if it is another; else says why the old one stays."""
        try:
            model = await asyncio.to_thread(load_model, self.settings, self.metrics)
        except UserError as error:
            LOG.error("model %s stays: %s", self.model.version, error)
            return
        if model.chosen == self.model.chosen:
            LOG.info("model %s stays: it is the newest", self.model.version)
            model.close()
            return
        former, self.model = self.model, model
        self.metrics.serving(model.version, model.sha256)
        self.say_model()
        await asyncio.sleep(self.settings.timeout)  # every request that took it has ended by then
        await asyncio.to_thread(former.close)

    def close(self) -> None:
        """Ends the threads, when no request is left."""
        self.model.close()
