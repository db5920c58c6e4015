"""The sampler: sequences, the KV cache with branches, the logits pipeline, and what a request cost."""
