"""Many clips, one after the other or side by side: what is to be done, what was done, and who does it.

`jobs` reads what is asked for, `journal` remembers what was done, `runner` has it done by processes (`served`) that stay: motion
engines, and Blenders that run `solver`. Standard library only, but for `solver`, which is Blender's side.
"""
