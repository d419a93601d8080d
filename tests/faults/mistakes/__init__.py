"""Real mistakes planted into a copy of the tree one by one, and the nets that must catch them.

A suite that stays green says something only if it goes red when the mechanism it watches is taken out.
Mechanisms that spare each other (the fence does what the lane lock does, only later) are taken out together.
"""
