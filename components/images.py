"""The image of a service, where a service has to be one."""

from __future__ import annotations

from components.service import ImageArtifact, WorkloadArgs


def container_image(name: str, args: WorkloadArgs, kind: str) -> ImageArtifact:
    """Return the image of what runs as `kind`, as in `a Fargate service`.

    Raises:
        ValueError: It is a zip.

    """
    if isinstance(args.artifact, ImageArtifact):
        return args.artifact
    msg = f"{name}: {kind} runs an image and was given the zip {args.artifact.path}; give it an image by digest."
    raise ValueError(msg)
