"""OpenVINO: compile a model for Intel and AMD computers, keep it, run it."""
