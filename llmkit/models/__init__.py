"""What is known of models: names, facts, prices, and a guess at token counts. No network."""
