// The tiles of an area by @mapbox/tile-cover.
//
//     node tile_cover.cjs NODE_FOLDER AREA.geojson ZOOM
const fs = require("fs");
const path = require("path");

const [folder, area, zoom] = process.argv.slice(2);
const cover = require(path.join(path.resolve(folder), "node_modules/@mapbox/tile-cover"));
const { features } = JSON.parse(fs.readFileSync(area));
const geometry = {
  type: "MultiPolygon",
  coordinates: features.map((feature) => feature.geometry.coordinates),
};
const start = process.hrtime.bigint();
const tiles = cover.tiles(geometry, { min_zoom: +zoom, max_zoom: +zoom });
const compute_s = Number(process.hrtime.bigint() - start) / 1e9;
console.log(JSON.stringify({ compute_s, tiles: tiles.length }));
