"""Amazon ECS on Fargate, over containers that really run: services, tasks, deployments and their rollback.

What is said of a status is in the words of AWS: the API's models, and the developer guide's pages about service
events, task life cycle, stopped tasks and the deployment circuit breaker.
"""
