"""Bone density from DXA pictures: members, their stack, and what it is worth."""
