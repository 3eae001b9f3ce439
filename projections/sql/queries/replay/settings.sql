-- Compiling queries on a stretch of the log takes longer than running them, a stretch fits into memory, and reading it
-- with several processes is worth more than the planner thinks.
SET LOCAL jit = off;
SET LOCAL work_mem = '64MB';
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0
