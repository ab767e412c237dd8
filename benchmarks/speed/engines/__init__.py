"""The engines: each module runs alone in a process of its own, ``run(folder)`` measured, ``write(result, out)`` not."""
