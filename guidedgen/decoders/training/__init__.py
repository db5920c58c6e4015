"""Training of small drafters for a model, on what the model itself writes."""

from guidedgen.decoders.training.train import Report, TrainingPlan, train_drafter

__all__ = ["Report", "TrainingPlan", "train_drafter"]
