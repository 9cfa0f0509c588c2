"""Better instructions for judges, prompts and flows, found against what people labelled."""
