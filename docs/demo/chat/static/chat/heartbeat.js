// A worker, because browsers slow down the timers of pages in the background: those would be pruned after a while.
onmessage = ({ data: seconds }) => setInterval(() => postMessage("heartbeat"), seconds * 1000);
