"""The evaluation report: what it holds, its tables and plots, and the page itself."""
