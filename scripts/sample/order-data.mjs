const goods = ["lamp", "chair", "kettle", "notebook", "bicycle bell", "scarf", "teapot", "map"];
const cities = ["Lisbon", "Oslo", "Kraków", "Nairobi", "Lima", "Kyoto", "Perth", "Québec"];

/** The same orders in every run: `{ id, item, quantity, cents, city }`. */
export function makeOrders(count) {
  let seed = 20_111;
  const next = (below) => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed % below;
  };
  return Array.from({ length: count }, (_, index) => ({
    id: `order-${String(index + 1).padStart(4, "0")}`,
    item: goods[next(goods.length)],
    quantity: 1 + next(5),
    cents: 250 + next(20_000),
    city: cities[next(cities.length)],
  }));
}
