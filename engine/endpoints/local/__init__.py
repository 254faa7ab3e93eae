"""Our own sampler as a child process of this one."""
