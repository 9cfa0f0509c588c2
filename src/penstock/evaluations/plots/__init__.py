"""Pictures of scores as SVG: readable at 700 pixels, in light and dark, from text that is only ever text."""
