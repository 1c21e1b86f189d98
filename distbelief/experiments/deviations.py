"""How experiments differ from the paper: the sentences that several pages share."""

SIMULATED = (
  'Simulated time: the costs of machines and network are assumed '
  '([`configs/figure4.py`](../../configs/figure4.py) has them), the gradients and the '
  'order of updates are computed. Absolute times mean nothing.'
)
NO_SERVER_FOR_SGD = (
  'SGD by one replica needs no parameter server, and pays for computing only.'
)
SYNTHETIC = (
  'Synthetic speech of 48 classes instead of 1.1 billion frames of real speech of 8192. '
  'No frame is seen twice, but for those of the warm start, which is trained on the '
  'whole set.'
)
SMALL = '440-128x4-48 with 112,176 parameters trains; 41,777,152 are paid for.'
CHOSEN = (
  'The grids and the target were chosen with seed 0, which is not among those that count.'
)
INHERITED = (
  'Adagrad inherits what it accumulates in the warm start (the paper does not say).'
)
MISSING = 'Sandblaster and the GPU are missing.'
