"""Stemma compares the classic deep-learning families on the same data under the same rules."""

from stemma.garbage import collect_seldom, end_at_once

collect_seldom()
end_at_once()
