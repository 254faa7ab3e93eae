"""From noise to latent: schedules, samplers, noise, guidance, and the batcher that drives many at once."""
