"""The task catalog: list the tasks, inspect a few, sample from them, and set options."""

from seqtoys import get_task, list_tasks


def main() -> None:
    """Print one line for every task, then the details of four."""
    for name, line in list_tasks().items():
        print(f"{name:28} {line}")

    for name in ("parity", "reverse_string", "embedded_reber", "anbn"):
        task = get_task(name)
        print(f"\n{task!r}")
        print(f"optimum {task.optimum:.4f} nats per scored symbol")
        print(f"without memory {task.memoryless}, guessing {task.chance:.1%} right")
        print(task.sample(1).show(task.vocab))

    dyck = get_task("dyck", kinds=2, p=0.3)
    print(f"\ntwo kinds of brackets: {dyck.optimum:.4f} nats per scored symbol")
    print(dyck.sample(2, length=9).show(dyck.vocab))


if __name__ == "__main__":
    main()
