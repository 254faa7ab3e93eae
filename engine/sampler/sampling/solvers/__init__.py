"""Samplers by family; `engine.sampler.sampling.samplers` lists them by name."""
