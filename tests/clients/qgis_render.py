"""Opens a GeoPackage of hints in QGIS, without a screen, and renders it with the style inside.

Fails if a layer does not open, has lost its style, or the picture does not show the style's colours.
Usage: qgis_render.py HINTS.gpkg PICTURE.png
"""

import sys

from qgis.core import (
    QgsApplication,
    QgsMapRendererParallelJob,
    QgsMapSettings,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QSize
from qgis.PyQt.QtGui import QColor

SIDE_PX = 900
GROUND = QColor(90, 100, 80)
YELLOW = (240, 228, 66)

path, picture = sys.argv[1:]
QgsApplication.setPrefixPath("/usr", True)
app = QgsApplication([], False)
app.initQgis()

whole = QgsVectorLayer(path, "whole", "ogr")
names = [text.split("!!::!!")[1] for text in whole.dataProvider().subLayers()]
layers = []
for name in sorted((name for name in names if name != "layer_styles"), reverse=True):
    layer = QgsVectorLayer(f"{path}|layername={name}", name, "ogr")
    assert layer.isValid(), name
    message, styled = layer.loadDefaultStyle()
    assert styled, f"{name}: {message}"
    print(name, layer.featureCount(), "features,", layer.renderer().type())
    layers.append(layer)
towers, lines = layers
assert towers.renderer().type() == "RuleRenderer" and towers.labelsEnabled()
assert lines.renderer().type() == "singleSymbol"

settings = QgsMapSettings()
settings.setLayers(layers)
settings.setOutputSize(QSize(SIDE_PX, SIDE_PX))
extent = towers.extent()
extent.scale(1.1)
settings.setExtent(extent)
settings.setBackgroundColor(GROUND)
settings.setDestinationCrs(towers.crs())
job = QgsMapRendererParallelJob(settings)
job.start()
job.waitForFinished()
image = job.renderedImage()
image.save(picture)

colours = [
    image.pixelColor(x, y).getRgb()[:3] for x in range(SIDE_PX) for y in range(SIDE_PX)
]
yellow = colours.count(YELLOW)
print(yellow, "pixels of the best band")
assert yellow > 100
app.exitQgis()
