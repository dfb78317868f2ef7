"""Tasks as columns: the same as their list."""

from testbed.model.task import Task, TaskTable

TASKS = [
    Task(ue=n % 2, number=n // 2, generated_ns=n, input_bits=8 * n, cycles=n + 1, deadline_ns=9) for n in range(9000)
]


def test_a_table_is_the_list_of_its_tasks():
    table = TaskTable.of(TASKS)
    assert table == TASKS == list(table) and tuple(TASKS) == table
    assert len(table) == 9000 and table[8999] == table[-1] == TASKS[-1]
    assert table[1:3] == TASKS[1:3] and table[1:3] != TASKS[:2] and table != TASKS[1:]
    assert TaskTable.of(table) is table and hash(table) == hash(TaskTable.of(TASKS))
    assert table != 3 and TASKS[5] in table
