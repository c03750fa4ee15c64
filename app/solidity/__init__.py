"""Solidity as services read it: parsed by tree-sitter, outlined, and walked without recursion."""
