"""Web ACLs that judge each request to what they are associated with."""
