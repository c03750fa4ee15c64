"""Containers without a container engine: an image's command as a process of its own, held to what a container has."""
