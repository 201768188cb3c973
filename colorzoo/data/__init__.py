"""Photos to batches: where photos come from, and how one photo becomes one training sample."""
