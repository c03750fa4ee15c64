"""HTTP APIs and REST APIs: what answers at the address of a stack, and hands requests on to functions and balancers."""
