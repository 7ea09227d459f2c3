/** What happens to the machine: it sleeps, its clock is set, its processes hang. */
import type { Host } from "../host/host.ts";
import { DAY, HOUR, MINUTE, SECOND } from "../kernel/timeline.ts";
import type { World } from "../world/world.ts";

export function troubleMachine(world: World, host: Host): void {
  const random = world.random.fork("machine");
  const again = (): void => {
    world.time.after(random.between(5, 60) * MINUTE, () => {
      if (world.faults.stopped) return;
      const { faults } = world;
      if (faults.hit("machine_asleep")) {
        // The wall clock goes on while nothing runs.
        world.time.sleep(random.skewed(MINUTE, 10 * HOUR));
      }
      if (faults.hit("model_down")) world.provider.fail(random.skewed(MINUTE, 5 * HOUR));
      if (faults.hit("host_stalled")) host.stall(random.skewed(5 * SECOND, 20 * MINUTE));
      if (faults.hit("clock_forward")) host.jump(random.skewed(MINUTE, DAY));
      if (faults.hit("clock_back")) host.jump(-random.skewed(MINUTE, DAY));
      again();
    });
  };
  again();
}
