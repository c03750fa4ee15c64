"""Application Auto Scaling and the alarms of CloudWatch, from what is measured."""
