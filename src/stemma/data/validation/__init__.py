"""The stage `validate`: what a raw dataset must fulfil, by kind and task, and a page that shows it."""
