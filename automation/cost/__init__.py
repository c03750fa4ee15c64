"""What a stack costs in a month: prices × what it makes × what it is used for. Pure but for reading files."""
