"""Training recipes: the settings that a paper states, as one dataclass each."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Recipe:
    """Everything that shapes a training run besides network, data and seed.

    Attributes:
        source: Paper and section the settings come from.
        epochs: Passes over the training split.
        batch_size: Images per step.
        crop_hw: Height and width of the training crop in pixels.
        scale_range: Smallest and largest random scale of the image before cropping.
        optimizer: ``adam``, ``adamw``, ``rmsprop`` or ``sgd``.
        learning_rate: Initial rate of the decoder.
        final_learning_rate: Rate at the end of the schedule.
        schedule: ``cosine``, ``poly`` (power 0.9) or ``constant``.
        weight_decay: L2 penalty of the decoder.
        momentum: For ``rmsprop`` and ``sgd``; first beta of ``adam`` and ``adamw``.
        encoder_factor: Rate and decay of a pre-trained encoder relative to the decoder.
        class_weights: ``none``, ``enet`` for 1 / ln(1.02 + p) (ENet, section 5.2), or
            ``enet_sqrt`` for the square root of that.
        loss: ``cross_entropy``, or ``ohem`` for the hardest quarter or more of the pixels.
        flip: Mirror half of the images.
        color_jitter: Strength of random brightness, contrast and saturation; 0 for none.
        ema_decay: Decay of the averaged weights that are validated and kept; 0 for none.
    """

    source: str
    epochs: int
    batch_size: int
    crop_hw: tuple[int, int]
    learning_rate: float
    optimizer: str = 'adam'
    scale_range: tuple[float, float] = (1.0, 1.0)
    final_learning_rate: float = 0.0
    schedule: str = 'cosine'
    weight_decay: float = 0.0
    momentum: float = 0.9
    encoder_factor: float = 1.0
    class_weights: str = 'none'
    loss: str = 'cross_entropy'
    flip: bool = True
    color_jitter: float = 0.0
    ema_decay: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return plain types for the checkpoint and the log."""
        return asdict(self)


SWIFTNET = Recipe(
    source='SwiftNet, section 5.1 (CamVid)',
    epochs=400,
    batch_size=12,
    crop_hw=(448, 448),
    scale_range=(0.5, 2.0),
    learning_rate=4e-4,
    final_learning_rate=1e-6,
    weight_decay=1e-4,
    encoder_factor=0.25,
)

# The paper's recipe for half-size frames, stronger on unseen drives: see docs/training.md.
ROAD = Recipe(
    source='rtseg_ros: SwiftNet, section 5.1, with EMA, colour jitter and mild class weights',
    epochs=100,
    batch_size=12,
    crop_hw=(352, 352),
    scale_range=(0.6, 2.0),
    learning_rate=5e-4,
    final_learning_rate=1e-6,
    weight_decay=1e-4,
    encoder_factor=0.25,
    class_weights='enet_sqrt',
    color_jitter=0.3,
    ema_decay=0.998,
)

RECIPES = {'swiftnet': SWIFTNET, 'road': ROAD}
