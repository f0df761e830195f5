"""The world around the boxes: clock, links, hosts with their stacks and prompts. It knows nothing of lessons or screens."""
