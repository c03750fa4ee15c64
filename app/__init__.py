"""The FastAPI app: the same code on Lambda, on Fargate and in a pod."""

__version__ = "0.1.0"
