"""Pulumi's entry."""

from stacks.program import main

main()
