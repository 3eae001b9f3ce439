-- Planner settings for the queries that read a range of the log. Compiling them takes longer than running them, a range
-- fits into this memory, and the planner underestimates the value of parallel workers.
SET LOCAL jit = off;
SET LOCAL work_mem = '64MB';
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0
