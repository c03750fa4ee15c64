"""Smart-contract analyzer: holds Solidity against known weaknesses, and asks a language model where there is a key."""
