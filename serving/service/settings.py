"""What a service is told when it starts."""

from dataclasses import dataclass
from pathlib import Path

MEBIBYTE = 2**20


@dataclass(frozen=True)
class ServiceSettings:
    """How a service answers, and what it refuses.

    Attributes:
      model_dir: the serving folder.
      trust_model: load a model that no thresholds vouch for.
      name: of the model, in the paths of the Open Inference Protocol.
      gallery: the file of the gallery; None: there is none.
      host: the address to listen at.
      port: the port; 0: a free one.
      max_body: bytes of a request, at most; more is refused before it is read.
      max_images: images of a request, at most.
      max_requests: requests that are read, wait or are worked on at a time; more are refused.
      max_batch: images that the model sees at a time.
      max_wait: seconds that a batch waits for images that are being decoded.
      workers: batches that the model sees at a time, each on a thread.
      timeout: seconds after which a request is answered with an error.
      rate: requests a second of one client; 0: as many as it likes.
      burst: requests that a client which was quiet may make at once.
      threads: that decode images.
    """

    model_dir: Path = Path("runs/demo/serving_model")
    trust_model: bool = False
    name: str = "arcface"
    gallery: Path | None = None
    host: str = "127.0.0.1"
    port: int = 8000
    max_body: int = 16 * MEBIBYTE
    max_images: int = 64
    max_requests: int = 64
    max_batch: int = 32
    max_wait: float = 0.005
    workers: int = 2
    timeout: float = 30.0
    rate: float = 100.0
    burst: int = 200
    threads: int = 2
