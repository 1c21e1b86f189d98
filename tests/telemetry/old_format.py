"""Step records as earlier versions of the package wrote them."""

import json

import numpy as np

HEADER_BYTES = 4096

PER_STEP = [
  ('replica', '<i4'),
  ('incarnation', '<i4'),
  ('step', '<i8'),
  ('batch', '<i8'),
  ('sequence', '<i8'),
  ('pushed', '?'),
  ('gradients', '<i4'),
  ('fresh', '?'),
  ('loss', '<f8'),
  ('accuracy', '<f8'),
  ('fetch_start', '<f8'),
  ('fetch_end', '<f8'),
  ('compute_start', '<f8'),
  ('compute_end', '<f8'),
  ('wait_start', '<f8'),
  ('wait_end', '<f8'),
  ('push_start', '<f8'),
  ('push_end', '<f8'),
]
PER_SHARD = [
  ('version_held', '<i8'),
  ('version_applied', '<i8'),
  ('status', 'u1'),
  ('applied_at', '<f8'),
  ('update_end', '<f8'),
]


def rewrite(path):
  """Writes a file of step records again, as format 2 had it: without the staleness."""
  content = path.read_bytes()
  header = json.loads(content[:HEADER_BYTES])
  shards = header['num_shards']
  dtype = [*PER_STEP, *((name, kind, (shards,)) for name, kind in PER_SHARD)]
  new = [(name, kind, *map(tuple, shape)) for name, kind, *shape in header['dtype']]
  found = np.frombuffer(content[HEADER_BYTES:], new)
  old = np.zeros(found.shape, dtype)
  for name in old.dtype.names:
    old[name] = found[name]
  header |= {'format': 2, 'dtype': old.dtype.descr}
  path.write_bytes(json.dumps(header).encode().ljust(HEADER_BYTES) + old.tobytes())
