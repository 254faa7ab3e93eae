"""How fast pictures are sampled: beside a plain diffusers loop, alone and for many people at once."""
