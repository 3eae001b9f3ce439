// This is a worker, because browsers slow down the timers of background pages, which would then be pruned.
onmessage = ({ data: seconds }) => setInterval(() => postMessage("heartbeat"), seconds * 1000);
