"""Opens a bundle's GeoPackage and its project in QGIS, without a screen, and renders the project.

Fails if a layer does not open, has lost its style, or the picture does not show the style's colours.
Usage: qgis_render.py BUNDLE PICTURE.png
"""

import sys

from qgis.core import (
    QgsApplication,
    QgsCoordinateTransform,
    QgsMapRendererParallelJob,
    QgsMapSettings,
    QgsProject,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QSize
from qgis.PyQt.QtGui import QColor

SIDE_PX = 900
GROUND = QColor(90, 100, 80)
YELLOW = (240, 228, 66)


def check(bundle, picture):
    path = f"{bundle}/hints.gpkg"
    whole = QgsVectorLayer(path, "whole", "ogr")
    names = [text.split("!!::!!")[1] for text in whole.dataProvider().subLayers()]
    styled_layers = []
    for name in sorted((name for name in names if name != "layer_styles"), reverse=True):
        layer = QgsVectorLayer(f"{path}|layername={name}", name, "ogr")
        assert layer.isValid(), name
        message, styled = layer.loadDefaultStyle()
        assert styled, f"{name}: {message}"
        print(name, layer.featureCount(), "features,", layer.renderer().type())
        styled_layers.append(layer)

    project = QgsProject.instance()
    assert project.read(f"{bundle}/hints.qgz"), project.error()
    layers = [node.layer() for node in project.layerTreeRoot().findLayers()]
    for layer in layers:
        assert layer.isValid(), layer.source()
        print(layer.name(), "from", layer.source())
    for towers, lines in [styled_layers, layers[:2]]:
        assert towers.renderer().type() == "RuleRenderer" and towers.labelsEnabled()
        assert lines.renderer().type() == "singleSymbol"

    settings = QgsMapSettings()
    settings.setLayers(layers)
    settings.setOutputSize(QSize(SIDE_PX, SIDE_PX))
    assert project.crs().authid() == "EPSG:3857"
    transform = QgsCoordinateTransform(towers.crs(), project.crs(), project)
    extent = transform.transformBoundingBox(towers.extent())
    extent.scale(1.1)
    settings.setExtent(extent)
    settings.setBackgroundColor(GROUND)
    settings.setDestinationCrs(project.crs())
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


QgsApplication.setPrefixPath("/usr", True)
app = QgsApplication([], False)
app.initQgis()
# Layers and jobs have to be gone before QGIS is, or it crashes on its way out: so they are local.
check(*sys.argv[1:])
QgsProject.instance().clear()
app.exitQgis()
