"""Hand a preview to checkov as a Terraform plan, and judge what it finds."""
