const goods = ["lamp", "chair", "kettle", "notebook", "bicycle bell", "scarf", "teapot", "map"];
const cities = ["Lisbon", "Oslo", "Kraków", "Nairobi", "Lima", "Kyoto", "Perth", "Québec"];

export interface SampleOrder {
  readonly id: string;
  readonly item: string;
  readonly quantity: number;
  readonly cents: number;
  readonly city: string;
}

/** The same orders in every run. */
export function makeOrders(count: number): SampleOrder[] {
  let seed = 20_111;
  const next = (below: number): number => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed % below;
  };
  return Array.from({ length: count }, (_, index) => ({
    id: `order-${String(index + 1).padStart(4, "0")}`,
    item: goods[next(goods.length)] ?? "",
    quantity: 1 + next(5),
    cents: 250 + next(20_000),
    city: cities[next(cities.length)] ?? "",
  }));
}
